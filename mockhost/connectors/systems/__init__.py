"""Connected systems: the target applications behind the connectors of the ECMA host."""
