/** Whether a request carries the session: always to where the page comes from, and to an API elsewhere when it is told to. */
export const credentials = (url: string): RequestCredentials => (/^([a-z]+:)?\/\//i.test(url) ? 'include' : 'same-origin')
