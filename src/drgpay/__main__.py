"""`python -m drgpay` is the command `drgpay`."""

from drgpay.cli import main

main()
