// How many things need a hand, for the navigation on every page.
let n = $state(0)
export const todo = (): number => n
export const setTodo = (count: number): void => { n = count }
