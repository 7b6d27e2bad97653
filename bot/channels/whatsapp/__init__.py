"""WhatsApp as a channel: sending, the signed webhook, files, the notice of a late reply."""
