// Reads a text/event-stream piece by piece, as the HTML standard says.
export interface Frame { event: string; data: string; id: string | null; retry: number | null }

/** Returns a function that takes the next piece of text and gives what became complete. */
export function reader(): (piece: string) => Frame[] {
  let rest = ''
  let event = '', data: string[] = [], id: string | null = null, retry: number | null = null
  return piece => {
    rest += piece
    const out: Frame[] = []
    for (;;) {
      const m = /\r\n|\n|\r(?=[^])/.exec(rest) // a \r at the end may be half of a \r\n
      if (!m) return out
      const line = rest.slice(0, m.index)
      rest = rest.slice(m.index + m[0].length)
      if (line === '') {
        if (data.length || retry !== null) out.push({event: event || 'message', data: data.join('\n'), id, retry})
        event = ''; data = []; retry = null
        continue
      }
      const colon = line.indexOf(':')
      if (colon === 0) continue
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (name === 'event') event = value
      else if (name === 'data') data.push(value)
      else if (name === 'id' && !value.includes('\0')) id = value
      else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value)
    }
  }
}
