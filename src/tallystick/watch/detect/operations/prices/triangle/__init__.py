"""The kernel that judges three prices together."""
