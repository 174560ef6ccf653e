# Words that several rules use, so that they say the same thing in the same way.
package phrase

duration(hours) := sprintf("%d days", [hours / 24]) if {
	hours >= 48
	hours % 24 == 0
} else := "1 hour" if {
	hours == 1
} else := sprintf("%d hours", [hours])

list(items) := "none" if {
	count(items) == 0
} else := concat(", ", items)
