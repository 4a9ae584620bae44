#!/bin/bash
# A machine of the batch fleet: takes jobs by name from the queue, runs them in the product's
# container, and goes when there are none. @WORDS@ are filled in by capabilities/batch_fleet.py.
set -euo pipefail
dnf install -y -q docker jq
systemctl start docker
aws ecr get-login-password --region @REGION@ | docker login --username AWS --password-stdin @REGISTRY@
docker pull -q @IMAGE@
declare -A JOBS=(
  [verify]="verify /work/ledger"
  [detect]="detect bench trades"
  [report]="reference"
)
while true; do
  message=$(aws sqs receive-message --region @REGION@ --queue-url @QUEUE@ --wait-time-seconds 20 --visibility-timeout 3600 --output json)
  [ -n "$message" ] || continue
  job=$(jq -r '.Messages[0].Body | fromjson | .job' <<<"$message")
  receipt=$(jq -r '.Messages[0].ReceiptHandle' <<<"$message")
  # A name that is not in the list is left to the dead letters.
  [ -n "${JOBS[$job]:-}" ] || continue
  docker run --rm --read-only --tmpfs /tmp --log-driver awslogs \
    --log-opt awslogs-region=@REGION@ --log-opt awslogs-group=@LOG_GROUP@ @IMAGE@ \
    python -m tallystick ${JOBS[$job]} &&
    aws sqs delete-message --region @REGION@ --queue-url @QUEUE@ --receipt-handle "$receipt"
done
