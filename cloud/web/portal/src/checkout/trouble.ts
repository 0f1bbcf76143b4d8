// What a refused reservation means: first what is safe, then what to do.
import type {Failure} from '../api.ts'
import {unclear} from '../booking/once.ts'

export type Trouble = 'progress' | 'offline' | 'unclear' | 'declined' | 'soldOut' | 'quote' | 'fields' | 'refused'

export function trouble(f: Failure): Trouble {
  if (f.code === 'request_in_progress') return 'progress'
  if (f.code === 'offline') return 'offline'
  if (f.code === 'payment_declined' || f.problem?.status === 402) return 'declined'
  if (f.code === 'sold_out') return 'soldOut'
  if (f.code === 'quote_expired' || f.code === 'quote_mismatch') return 'quote'
  if (unclear(f)) return 'unclear'
  return f.code === 'request_invalid' ? 'fields' : 'refused'
}
