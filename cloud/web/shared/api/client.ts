// The API with the types of its own description (schema.d.ts is generated).
import createClient from 'openapi-fetch'
import {credentials} from './credentials.ts'
import type {components, paths} from './schema.d.ts'

export type Schemas = components['schemas']
export type ProblemCode = Schemas['ProblemCode']

/** What went wrong, with the stable code that the words are looked up by. */
export class Failure extends Error {
  constructor(readonly code: ProblemCode | 'offline', readonly problem?: Schemas['Problem']) {
    super(problem?.detail ?? code)
  }
}

/** A client of the API at base ('' is where the page comes from). */
export function client(base = '', token?: string) {
  // A portal elsewhere sends its session, too.
  return createClient<paths>({baseUrl: base, credentials: credentials(base), ...(token && {headers: {Authorization: `Bearer ${token}`}})})
}

/** The answer's data, or a Failure. No answer at all is the code "offline". What is a stream or a text is asked for elsewhere. */
export async function data<T>(call: Promise<{data?: T; error?: unknown}>): Promise<Exclude<T, string>> {
  let got: {data?: T; error?: unknown}
  try {
    got = await call
  } catch {
    throw new Failure('offline')
  }
  if (got.error !== undefined || got.data === undefined) {
    const p = got.error as Schemas['Problem'] | undefined
    throw new Failure(p?.code ?? 'internal', p?.code ? p : undefined)
  }
  return got.data as Exclude<T, string>
}
