/** Properties of a mounted component that a test may change. */
export function changing<T extends object>(props: T): T {
  let all = $state.raw(props)
  return new Proxy(props, {
    get: (_, k): unknown => Reflect.get(all, k),
    set: (_, k, v: unknown) => { all = {...all, [k]: v}; return true },
  })
}
