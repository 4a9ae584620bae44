"""The trial balance: proves from the entries alone that the double-entry book is balanced.

It shares no code with the book that the desk trades on: it reads the entries' JSON, works every
amount out again and adds up for itself. In every entry the postings sum to zero in each currency
and on each value date, a fill's postings are its quantity and its amount, the amount is quantity x
price rounded once, and a roll is what its rates and days make it. At the end the book is compared.
"""

from tallystick.execution.trial.check import Trial, check_book, check_ledger_book
from tallystick.execution.trial.totals import Totals, TrialBalance, TrialBalances, TrialLine

__all__ = [
    "Totals",
    "Trial",
    "TrialBalance",
    "TrialBalances",
    "TrialLine",
    "check_book",
    "check_ledger_book",
]
