package probe

// DecodeAnswer is how the client reads an answer.
func DecodeAnswer(line []byte) (Answer, error) { return decode[Answer](line) }
