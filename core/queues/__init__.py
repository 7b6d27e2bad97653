"""The two queues, `Inbox` and `Outbox`: SQL rows under leases with fencing tokens."""
