// The API with the types of its own description (schema.d.ts is generated).
import createClient from 'openapi-fetch'
import {credentials} from './credentials.ts'
import type {components, paths} from './schema.d.ts'

export type Schemas = components['schemas']
export type ProblemCode = Schemas['ProblemCode']

/** What went wrong, with the stable code that the words are looked up by. */
export class Failure extends Error {
  constructor(readonly code: ProblemCode | 'offline', readonly problem?: Schemas['Problem'], /** After how many seconds to come again, where the server says so. */ readonly wait?: number) {
    super(problem?.detail ?? code)
  }
}

/** The seconds of a Retry-After: a number of them, or a date (RFC 9110). */
export function retryAfter(text: string | null | undefined, now = Date.now()): number | undefined {
  if (!text) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text)
  const at = /^[a-z]{3,9},? /i.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}

/** What an answer that is not good tells. */
export function refusal(error: unknown, response?: Response): Failure {
  const p = error as Schemas['Problem'] | undefined
  return new Failure(p?.code ?? 'internal', p?.code ? p : undefined, retryAfter(response?.headers.get('Retry-After')))
}

/** A client of the API at base ('' is where the page comes from). */
export function client(base = '', token?: string) {
  // A portal elsewhere sends its session, too.
  return createClient<paths>({baseUrl: base, credentials: credentials(base), ...(token && {headers: {Authorization: `Bearer ${token}`}})})
}

/** The answer's data, or a Failure. No answer at all is the code "offline". What is a stream or a text is asked for elsewhere. */
export async function data<T>(call: Promise<{data?: T; error?: unknown; response?: Response}>): Promise<Exclude<T, string>> {
  let got: {data?: T; error?: unknown; response?: Response}
  try {
    got = await call
  } catch {
    throw new Failure('offline')
  }
  if (got.error !== undefined || got.data === undefined) throw refusal(got.error, got.response)
  return got.data as Exclude<T, string>
}
