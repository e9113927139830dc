#!/usr/bin/env bash
# gitlab-ci-local copies the checkout a second time before after_script, and so deletes what the job made. GitLab does not.
target=${*: -1}
case $target in
    .gitlab-ci-local/builds/*) test ! -e "$target/.git" || exit 0 ;;
esac
exec "$RSYNC" "$@"
