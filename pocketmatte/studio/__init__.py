"""A page of this machine in which a subject is picked, followed, matted and compared."""
