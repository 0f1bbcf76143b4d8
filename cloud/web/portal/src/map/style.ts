// The basemap in our colours: layers of the Protomaps kind, only what helps to find a car park.
import type {ExpressionSpecification, LayerSpecification, StyleSpecification} from 'maplibre-gl'

/** A colour token as the renderer takes it: it does not read OKLCH. */
export type Colour = (token: string) => string

const SOURCE = 'base'
const FONT = ['Openlot Text']

export function style(url: string, colour: Colour, language: string): StyleSpecification {
  const land = colour('--map-land'), label = colour('--map-label')
  const of = (layer: string) => ({source: SOURCE, 'source-layer': layer})
  const wide = (at12: number, at17: number): NonNullable<Extract<LayerSpecification, {type: 'line'}>['paint']>['line-width'] => ['interpolate', ['exponential', 1.6], ['zoom'], 8, at12 / 4, 12, at12, 17, at17]
  const road = (id: string, kinds: string[], at12: number, at17: number, minzoom = 5): LayerSpecification => ({
    id, type: 'line', ...of('roads'), minzoom, filter: ['in', ['get', 'kind'], ['literal', kinds]],
    layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': colour('--map-road'), 'line-width': wide(at12, at17)},
  })
  const name: ExpressionSpecification = ['coalesce', ['get', `name:${language}`], ['get', 'name']]
  const halo = {'text-halo-color': land, 'text-halo-width': 1.6}
  return {
    version: 8,
    sources: {[SOURCE]: {type: 'vector', url: `pmtiles://${url}`}},
    layers: [
      {id: 'ground', type: 'background', paint: {'background-color': land}},
      {id: 'green', type: 'fill', ...of('landuse'), filter: ['in', ['get', 'kind'], ['literal', ['park', 'forest', 'wood', 'grass', 'garden', 'meadow', 'cemetery', 'nature_reserve', 'recreation_ground']]], paint: {'fill-color': colour('--map-park')}},
      {id: 'water', type: 'fill', ...of('water'), filter: ['==', ['geometry-type'], 'Polygon'], paint: {'fill-color': colour('--map-water')}},
      {id: 'stream', type: 'line', ...of('water'), filter: ['==', ['geometry-type'], 'LineString'], paint: {'line-color': colour('--map-water'), 'line-width': wide(1, 6)}},
      {id: 'buildings', type: 'fill', ...of('buildings'), minzoom: 14, paint: {'fill-color': colour('--map-block')}},
      {id: 'rail', type: 'line', ...of('roads'), filter: ['==', ['get', 'kind'], 'rail'], paint: {'line-color': colour('--map-rail'), 'line-width': wide(1, 4)}},
      road('paths', ['path'], 0.3, 3, 14), road('minor', ['minor_road', 'other'], 0.8, 9, 11), road('medium', ['medium_road'], 1.6, 13), road('major', ['major_road'], 2.6, 17), road('highway', ['highway'], 3.4, 20),
      {id: 'street names', type: 'symbol', ...of('roads'), minzoom: 14, filter: ['has', 'name'], layout: {'symbol-placement': 'line', 'text-field': name, 'text-font': FONT, 'text-size': 12}, paint: {'text-color': label, ...halo}},
      {id: 'water names', type: 'symbol', ...of('water'), filter: ['has', 'name'], layout: {'text-field': name, 'text-font': FONT, 'text-size': 13, 'text-letter-spacing': 0.2}, paint: {'text-color': colour('--map-water-label'), ...halo}},
      {id: 'places', type: 'symbol', ...of('places'), layout: {'text-field': name, 'text-font': FONT, 'text-size': ['match', ['get', 'kind'], 'locality', 15, 13]}, paint: {'text-color': label, ...halo}},
    ],
  }
}
