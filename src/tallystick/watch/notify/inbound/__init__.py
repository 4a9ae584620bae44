"""How the outside acts on incidents: by signed link, and by PagerDuty webhook."""
