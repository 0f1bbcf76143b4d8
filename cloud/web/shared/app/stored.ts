// What this device remembers. Storage may be full or forbidden: then it lasts as long as the page.

/** Reads what was kept under a key; `otherwise` if there is nothing, or nothing of that shape. */
export function read<T>(where: () => Storage, key: string, otherwise: T, good: (v: unknown) => v is T): T {
  try {
    const v: unknown = JSON.parse(where().getItem(key) ?? 'null')
    return good(v) ? v : otherwise
  } catch {
    return otherwise
  }
}

/** Keeps a value; false: it could not be kept. */
export function write(where: () => Storage, key: string, value: unknown): boolean {
  try {
    where().setItem(key, JSON.stringify(value))
    return true
  } catch {
    return false
  }
}

export const device = () => localStorage
export const tab = () => sessionStorage

export const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)
