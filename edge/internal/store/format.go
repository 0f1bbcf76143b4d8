package store

// oldestFormat is the oldest format that Open still reads.
const oldestFormat = 1

// Formats says which format of the file this version writes, and from which to
// which it reads. Another version may follow this one, or this one another, only
// if each reads what the other writes: otherwise there would be no way back from
// an update. So a new format is read by one release and written by the next.
func Formats() (writes, oldest, newest int) { return formatVersion, oldestFormat, formatVersion }
