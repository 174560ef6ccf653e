# What the tiers have in common. A tier that is not listed here is treated like a sandbox: it must expire.
package tiers

prod_like := {"stage", "prod"}

short_lived := {"sandbox", "preview"}
