#!/bin/sh
# Sends examples/4101.json as a hospital's system would; prints the answer.
set -eu
: "${DRGPAY_URL:=http://127.0.0.1:8000}" "${DRGPAY_KEY:?the key of the hospital}"
curl --silent --show-error --fail-with-body \
  --header "Authorization: Bearer ${DRGPAY_KEY}" \
  --header "Content-Type: application/json" \
  --data-binary "@$(dirname "$0")/4101.json" \
  "${DRGPAY_URL}/v1/preview"
echo
