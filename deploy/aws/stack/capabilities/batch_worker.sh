#!/bin/bash
# A machine of the batch fleet: takes jobs by name from the queue, runs them in the product's
# container, and goes when there are none. @WORDS@ are filled in by capabilities/batch_fleet.py.
set -euo pipefail
dnf install -y -q docker jq
systemctl start docker
aws ecr get-login-password --region @REGION@ | docker login --username AWS --password-stdin @REGISTRY@
docker pull -q @IMAGE@
declare -A JOBS=(
  [verify]="tallystick.wiring.aws.verify"
)
ENVIRONMENT=(
  --env 'AWS_REGION=@REGION@'
  --env 'AWS_DEFAULT_REGION=@REGION@'
@ENVIRONMENT@
)
QUEUE=(--region @REGION@ --queue-url @QUEUE@)
while true; do
  message=$(aws sqs receive-message "${QUEUE[@]}" --wait-time-seconds 20 --visibility-timeout @LEASE@ --output json)
  [ -n "$message" ] || continue
  job=$(jq -r '.Messages[0].Body | fromjson | .job' <<<"$message")
  receipt=$(jq -r '.Messages[0].ReceiptHandle' <<<"$message")
  # A name that is not in the list is left to the dead letters.
  [ -n "${JOBS[$job]:-}" ] || continue
  # While it runs the job stays ours. A machine that Spot takes back renews nothing: another begins anew.
  while sleep 60; do
    aws sqs change-message-visibility "${QUEUE[@]}" --receipt-handle "$receipt" --visibility-timeout @LEASE@ || true
  done &
  lease=$!
  code=0
  # The host's network: there the machine's role answers, which no container behind a bridge reaches.
  docker run --rm --read-only --tmpfs /tmp --network host "${ENVIRONMENT[@]}" --env "POWERTOOLS_SERVICE_NAME=$job" \
    --log-driver awslogs --log-opt awslogs-region=@REGION@ --log-opt awslogs-group=@LOG_GROUP@ @IMAGE@ \
    python -m "${JOBS[$job]}" || code=$?
  kill "$lease" || true
  wait "$lease" || true
  # 0 and 1 are answers: clean, tampered. Everything else is tried again, and ends with the dead letters.
  [ "$code" -gt 1 ] || aws sqs delete-message "${QUEUE[@]}" --receipt-handle "$receipt"
done
