# Every bash of a job reads this first (BASH_ENV): it gives each job a machine of its own, as an image would.
# Python is there and uv is not; the home is empty. With ENVIRONMENTS, what a job of this name installed before is found again.
if test -n "${CI_JOB_NAME_SLUG:-}"; then
    machine=${ENVIRONMENTS:-$MACHINES}/$CI_JOB_NAME_SLUG
    test -d "$machine/bin" || { mkdir -p "$machine" && cp -a "$IMAGE/." "$machine"; }
    case :$PATH: in *":$machine/bin:"*) ;; *) PATH=$machine/bin:$PATH ;; esac
    HOME=$MACHINES/home-of-$CI_JOB_NAME_SLUG
    mkdir -p "$HOME"
    export PATH HOME DVC_SITE_CACHE_DIR=$HOME/dvc # root's lies below /var, for all jobs at once
    test -z "${ENVIRONMENTS:-}" || export UV_PROJECT_ENVIRONMENT=$machine/project
    unset machine
fi
