"""Every parser of what others send, under any bytes: no crash, and no second spelling."""
