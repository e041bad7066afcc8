"""Work queues of NATS JetStream: shut, copied message by message, opened on the other side."""
