"""A synthetic country of 34 provinces and 3,321 communes, made from the model alone, and what planning it costs."""
