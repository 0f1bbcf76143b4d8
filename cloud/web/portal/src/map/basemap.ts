/** Where the basemap is (a PMTiles file), as the server says in the page; null: none is configured. */
export const basemap = (): string | null => document.querySelector<HTMLMetaElement>('meta[name=openlot-basemap]')?.content || null
