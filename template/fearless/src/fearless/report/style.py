"""The look of report.html: one sheet for desktop and phone, light and dark, screen and paper."""

LIGHT = {
    "page": "#f4f5f7",
    "card": "#ffffff",
    "ink": "#1a1f26",
    "soft": "#535c68",
    "rule": "#d3d8de",
    "good": "#dcefe1",
    "pass": "#146c34",
    "fail": "#b3201b",
    "open": "#805300",
    "error": "#6a35b0",
    "candidate": "#0a58a8",
    "champion": "#9a4600",
}
DARK = {
    "page": "#0d1014",
    "card": "#161b21",
    "ink": "#e9edf1",
    "soft": "#a3adb8",
    "rule": "#343d47",
    "good": "#17331f",
    "pass": "#56cc77",
    "fail": "#ff8a80",
    "open": "#e8b84a",
    "error": "#c7a0ff",
    "candidate": "#74b9ff",
    "champion": "#ffab66",
}

RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.wide{max-width:68rem;margin:0 auto;padding:0 1.25rem}
h1,h2,h3,p,ul,ol,dl,figure,pre{margin:0;padding:0}
h1{font-size:clamp(1.6rem,5vw,2.5rem);line-height:1.15;letter-spacing:-.02em;margin:.7rem 0 .8rem;max-width:24em}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;margin:0 0 .3rem}
h3{font-size:1rem;line-height:1.4;margin:0}
h1 code{font-size:.92em}
a{color:var(--candidate);text-underline-offset:.2em}
:focus-visible{outline:3px solid var(--candidate);outline-offset:2px;border-radius:4px}
header{background:var(--card);border-bottom:1px solid var(--rule);border-top:8px solid var(--tone);
padding:2rem 0 1.6rem}
header .lead{font-size:1.1rem;max-width:48em}
.meta{color:var(--soft);font-size:.9rem;margin-top:1rem}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;margin-top:1rem;font-size:.95rem}
section{margin:2.4rem 0 0}
section>.card{margin-top:1rem}
section>p.hint{color:var(--soft);margin-bottom:1rem;max-width:48em}
footer{color:var(--soft);font-size:.85rem;margin-top:3rem;padding:1.2rem 0 2rem;border-top:1px solid var(--rule)}
.PASS{--tone:var(--pass)}.FAIL{--tone:var(--fail)}.INCONCLUSIVE{--tone:var(--open)}.ERROR{--tone:var(--error)}
.badge{display:inline-flex;align-items:center;gap:.4em;color:var(--tone);font-weight:700;font-size:.9rem;
white-space:nowrap}
.badge svg{width:1.25em;height:1.25em;flex:none}
header .badge{border:2px solid;border-radius:2em;padding:.15em .9em .15em .6em;letter-spacing:.04em;font-size:1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(17rem,100%),1fr));gap:1rem;margin-top:1rem}
.card{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:1rem 1.1rem;min-width:0}
.cards.few{grid-template-columns:repeat(auto-fit,minmax(min(14rem,100%),1fr))}
.few .card{border-left:5px solid var(--tone,var(--rule))}
.card .number{font-size:2rem;line-height:1.2;font-weight:700;letter-spacing:-.02em;margin-top:.5rem}
.card .of,.small{color:var(--soft);font-size:.9rem}
.asked{color:var(--soft);font-size:.82rem;text-align:right}
.few .card{display:flex;flex-direction:column}
.few .card .interval{margin-top:auto;padding-top:.8rem}
.sets{list-style:none;margin-top:.8rem;max-width:48em}
.sets li{margin:.3rem 0}
header .sets .badge{border:0;padding:0;font-size:1rem;letter-spacing:0}
.nothing{margin-top:1rem;max-width:60em}
.trial{border-style:dashed;color:var(--soft)}
.trial .do li:first-child{font-weight:400}
.notes{list-style:none;color:var(--soft)}
.do{padding-left:1.3rem;max-width:52em}
.do li{margin:.35rem 0;padding-left:.2rem}
.do li:first-child{font-weight:600}
.list{list-style:none;background:var(--card);border:1px solid var(--rule);border-radius:12px;margin-top:1rem}
.list>li{display:grid;grid-template-columns:7.2rem minmax(0,1fr) 20rem;gap:.2rem 1.2rem;align-items:center;
padding:.8rem 1.1rem;border-top:1px solid var(--rule)}
.list>li:first-child{border-top:0}
.list .told{max-width:44em}
details{margin-top:1rem}
summary{cursor:pointer;font-weight:600;padding:.35rem 0;color:var(--candidate)}
figure{min-width:0}
figcaption p{color:var(--soft);font-size:.9rem;margin:.2rem 0 .6rem}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;font-size:.9rem;margin-top:.3rem}
.legend li{display:inline-flex;align-items:center;gap:.45em}
h3+.scroll{margin-top:.4rem}
.scroll+h3{margin-top:1.2rem}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:12px;margin-top:1rem}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{text-align:left;vertical-align:middle;padding:.6rem .9rem;border-top:1px solid var(--rule)}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.85rem;vertical-align:bottom}
td.n,th.n{text-align:right;white-space:nowrap}
td .small,th .small{display:block;font-weight:400;font-size:.82rem}
td.name,th.name{min-width:9rem;max-width:22rem}
td.drawn{min-width:11rem;width:16rem}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) minmax(0,1fr);gap:.3rem 1.2rem;font-size:.92rem;
margin-top:.6rem}
dt{font-weight:600}
dd{margin:0}
code,pre,dd.id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.85rem}
pre{white-space:pre-wrap;background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:.9rem 1.1rem;
margin-top:.6rem}
svg.interval,svg.whisker,svg.chart{display:block;width:100%;height:auto;max-width:23rem}
svg.interval{max-width:none}
svg.whisker{min-width:9rem;max-width:18rem}
svg.key{width:30px;height:14px;flex:none}
svg text{font-family:inherit;font-size:12.5px;fill:var(--soft)}
svg .title{font-size:13px}
.axis,.grid{stroke:var(--rule);stroke-width:1}
.frame{stroke:var(--soft);stroke-width:1}
.good{fill:var(--good)}
.limit{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}
.reach{stroke:var(--candidate);stroke-width:2.5}
.even{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 4}
.line{fill:none;stroke-width:2.5;stroke-linejoin:round}
.line.candidate{stroke:var(--candidate)}
.line.champion{stroke:var(--champion);stroke-dasharray:7 4}
.dot{stroke-width:2}
.dot.candidate{fill:var(--candidate);stroke:var(--card)}
.dot.champion{fill:var(--card);stroke:var(--champion)}
.bar{fill-opacity:.45;stroke-width:1}
.bar.candidate{fill:var(--candidate);stroke:var(--candidate)}
.bar.champion{fill:var(--champion);stroke:var(--champion)}
@media (max-width:47rem){
.list>li{grid-template-columns:minmax(0,1fr)}
.wide{padding:0 1rem}
header{padding:1.2rem 0}
section{margin-top:1.8rem}
dl{grid-template-columns:minmax(0,1fr);gap:0}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody,tr,tbody th,td{display:block}
tr{display:flow-root;padding:.8rem 1.1rem;border-top:1px solid var(--rule)}
tr:first-child{border-top:0}
tbody th,td,td.drawn,th.name{padding:.15rem 0;border:0;width:auto;max-width:none}
td.n{text-align:left}
td.none{display:none}
td.n::before{content:attr(data-label) ": ";color:var(--soft)}
td.n .small{display:inline;margin-left:.5em}
dd{margin-bottom:.5rem}
}
@media print{
body{font-size:10pt}
nav{display:none}
.card,.list>li,figure,tr{break-inside:avoid}
details::details-content{content-visibility:visible;block-size:auto}
.scroll{overflow:visible}
}
"""


def sheet() -> str:
    """The style sheet; paper is light whatever the screen is."""
    light, dark = _variables(LIGHT), _variables(DARK)
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{RULES}"
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())
