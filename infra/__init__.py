"""What `pulumi up` runs: programs, components and policies over the model."""
