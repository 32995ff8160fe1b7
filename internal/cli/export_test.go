package cli

// What cannot be seen from outside.
var (
	ParseUntil = parseUntil
	SleepUntil = sleepUntil
)
