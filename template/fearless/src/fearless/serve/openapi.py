"""The description of the service in OpenAPI 3.1, made from columns.yaml: types, ranges, levels, an example."""

from __future__ import annotations

import math
from typing import Any

from fearless.columns.dictionary import Column, Dictionary
from fearless.serve.rows import REASONS, example_row
from fearless.serve.scoring import THRESHOLD, InPlace, answers_of

FORMATS = {"date": "date", "datetime": "date-time"}
TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}


def description(ready: InPlace, most_rows: int) -> dict[str, Any]:
    """The document for the model that answers now."""
    dictionary = ready.schema.dictionary
    row = {
        "type": "object",
        "additionalProperties": False,
        "required": list(ready.schema.names),
        "properties": {name: _property(dictionary.columns[name]) for name in ready.schema.names},
        "examples": [example_row(dictionary)],
    }
    many = {"type": "array", "minItems": 1, "maxItems": most_rows}
    return {
        "openapi": "3.1.0",
        "info": {"title": ready.provenance.model_name, "version": ready.provenance.model_version},
        "paths": {
            "/v1/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": "Score one row, or many in an array; the answer has the same shape.",
                    "parameters": [
                        _header(
                            "Idempotency-Key", "A retry with the same key and body gets the stored answer."
                        ),
                        _header("X-Request-Id", "Recorded with each prediction."),
                    ],
                    "requestBody": {
                        "required": True,
                        "content": _json({"oneOf": [_ref("Row"), {**many, "items": _ref("Row")}]}),
                    },
                    "responses": {
                        "200": {
                            "description": "Scored and recorded.",
                            "content": _json(
                                {
                                    "oneOf": [
                                        _ref("Prediction"),
                                        {"type": "array", "items": _ref("Prediction")},
                                    ]
                                }
                            ),
                        },
                        **{str(code): _error(told) for code, told in _REFUSALS.items()},
                    },
                }
            },
            "/v1/predictions/{id}": {
                "get": {
                    "operationId": "prediction",
                    "summary": "One recorded prediction: what was asked, its features, score, decision and truth.",
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
                    ],
                    "responses": {
                        "200": {"description": "As it was recorded.", "content": _json({"type": "object"})},
                        "404": _error("No prediction has this id."),
                        "503": _error("The ledger cannot be read."),
                    },
                }
            },
            **{path: _plain(told) for path, told in _OTHERS.items()},
        },
        "components": {
            "schemas": {"Row": row, "Prediction": _prediction(dictionary), "Error": _ERROR},
        },
    }


_REFUSALS = {
    400: "The body is no JSON.",
    413: "Too many bytes or rows.",
    415: "The body is not sent as application/json.",
    422: "A value does not fit columns.yaml; each complaint names its column.",
    500: "The model's own code could not score this.",
    503: "The ledger cannot be written or too much is waiting; nothing was predicted.",
}
_OTHERS = {
    "/healthz": "The process answers.",
    "/readyz": "A prediction would be answered; else 503 and why.",
    "/version": "Digests of what answers.",
    "/metrics": "Counters for Prometheus.",
}
_ERROR = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {
        "error": {"type": "string"},
        "message": {"type": "string"},
        "complaints": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": "integer"},
                    "column": {"type": "string"},
                    "reason": {"enum": list(REASONS)},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def _property(column: Column) -> dict[str, Any]:
    kind = TYPES.get(column.type, "string")
    told: dict[str, Any] = {"type": [kind, "null"] if column.missing else kind}
    if column.type in FORMATS:
        told["format"] = FORMATS[column.type]
    if column.levels:
        told["enum"] = [*column.levels, None] if column.missing else list(column.levels)
    if column.range is not None:
        ends = dict(zip(("minimum", "maximum"), column.range, strict=True))
        told |= {name: end for name, end in ends.items() if math.isfinite(end)}
    unit = f" ({column.unit})" if column.unit else ""
    return {**told, "description": f"{column.description}{unit}"}


def _prediction(dictionary: Dictionary) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "id": {"type": "string", "format": "uuid"},
        "score": {"type": "number"},
        "model": {"type": "string"},
        "model_version": {"type": "string"},
        "model_sha256": {"type": "string"},
    }
    if dictionary.task == "binary":
        properties["decision"] = {"enum": list(answers_of(dictionary))}
        properties["threshold"] = {"type": "number", "const": THRESHOLD}
    return {"type": "object", "required": list(properties), "properties": properties}


def _plain(told: str) -> dict[str, Any]:
    return {"get": {"summary": told, "responses": {"200": {"description": told}}}}


def _header(name: str, told: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": told, "schema": {"type": "string", "maxLength": 200}}


def _error(told: str) -> dict[str, Any]:
    return {"description": told, "content": _json(_ref("Error"))}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
