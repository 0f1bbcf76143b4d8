// Asking what past stays would have paid: long work that says how far it is.
import {credentials} from '@shared/api/credentials.ts'
import {base, Failure, refusal, type Schemas} from '@shared/app/api.ts'
import {reader} from '@shared/live/frames.ts'

export interface Progress { done: number; of: number }

/** Replays a draft; progress is told on the way. Ends with the answer, or a Failure; an abort ends it silently with null. */
export async function replay(parking: string, body: Schemas['ReplayRequest'], progress: (p: Progress) => void, signal: AbortSignal): Promise<Schemas['TariffReplay'] | null> {
  try {
    const got = await fetch(`${base}/owner/parkings/${encodeURIComponent(parking)}/tariffs/replay`, {
      method: 'POST', headers: {Accept: 'text/event-stream', 'Content-Type': 'application/json'}, body: JSON.stringify(body), credentials: credentials(base), signal,
    })
    if (!got.ok || !got.body) throw refusal(await got.json().catch(() => null), got)
    const read = reader(), stream = got.body.getReader(), text = new TextDecoder()
    for (;;) {
      const {done, value} = await stream.read()
      if (done) throw new Failure('offline')
      for (const f of read(text.decode(value, {stream: true}))) {
        if (f.event === 'progress') progress(JSON.parse(f.data) as Progress)
        else if (f.event === 'replay') return JSON.parse(f.data) as Schemas['TariffReplay']
        else if (f.event === 'problem') { const p = JSON.parse(f.data) as NonNullable<Failure['problem']>; throw new Failure(p.code, p) }
      }
    }
  } catch (e) {
    if (signal.aborted) return null
    throw e instanceof Failure ? e : new Failure('offline')
  }
}
