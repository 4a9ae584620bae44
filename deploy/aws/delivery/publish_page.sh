#!/bin/sh
# publish_page.sh FOLDER: publishes the page of this stage, as the role that may do that and nothing
# else. A profile without the page has no PAGE_ROLE, and there is nothing to do.
set -eu

[ -n "${PAGE_ROLE:-}" ] || exit 0
python -m venv .venv
.venv/bin/pip install --quiet --require-hashes -r requirements/gates.txt
aws configure set profile.page.role_arn "$PAGE_ROLE"
aws configure set profile.page.credential_source EcsContainer
AWS_PROFILE=page .venv/bin/python runbooks/publish_page.py --yes \
    --domain "$PAGE_DOMAIN" --primary "$PAGE_REGION" --folder "$1"
