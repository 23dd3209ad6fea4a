#!/bin/sh
# Sends examples/4101.json as a hospital's system would; prints the answer.
# The list is that of an invented hospital: here it gets the code of the hospital that the key is of.
set -eu
: "${DRGPAY_URL:=http://127.0.0.1:8000}" "${DRGPAY_KEY:?the key of the hospital}"
hospital=$(curl --silent --show-error --fail-with-body \
  --header "Authorization: Bearer ${DRGPAY_KEY}" "${DRGPAY_URL}/v1/me" |
  sed -n 's/.*"hospital_id":"\([^"]*\)".*/\1/p')
sed "s/\"fixmedins_code\": \"[^\"]*\"/\"fixmedins_code\": \"${hospital:-H2}\"/" "$(dirname "$0")/4101.json" |
  curl --silent --show-error --fail-with-body \
    --header "Authorization: Bearer ${DRGPAY_KEY}" \
    --header "Content-Type: application/json" \
    --data-binary @- "${DRGPAY_URL}/v1/preview"
echo
