// A file from the API, with the session, saved under a name.
import {credentials} from '@shared/api/credentials.ts'
import {base, Failure, refusal} from '@shared/app/api.ts'

/** Fetches what is under a path as a media type and hands it to the browser as a file. */
export async function download(path: string, type: string, name: string): Promise<void> {
  let got: Response
  try {
    got = await fetch(`${base}${path}`, {headers: {Accept: type}, credentials: credentials(base)})
  } catch {
    throw new Failure('offline')
  }
  if (!got.ok) throw refusal(await got.json().catch(() => null), got)
  saved(await got.blob(), name)
}

/** Hands content to the browser as a file. */
export function saved(content: Blob, name: string): void {
  const url = URL.createObjectURL(content)
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
