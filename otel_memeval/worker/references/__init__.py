"""References between live objects, items of containers, and the stacks that allocated them."""
