"""The model as pages for people: systems, who may talk to whom, whose data is where, what protects each level."""
