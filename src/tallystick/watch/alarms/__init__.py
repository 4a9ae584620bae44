"""Alarms: rules over metrics, log queries, events and detectors that are OK, in ALARM, or unknown.

States, M of N and the treatment of missing data are CloudWatch's; the two things that its users
miss are there: why an alarm fired or did not, and a repeat while it lasts (the notifier's).
"""
