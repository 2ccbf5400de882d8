"""An attacker of published releases: it reads their files and shares no code with the product."""
