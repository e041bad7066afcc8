"""What each authority asks of a rotation: who accepts it, who shows its certificates, how they are brought on."""
