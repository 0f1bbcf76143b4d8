// What the device reads of the page itself: the manifest by which it is put on a home screen, and what it is about.
import type {Language} from '@shared/format/format.ts'

export const manifests: Record<Language, string> = {en: '/portal/manifest.webmanifest', de: '/portal/manifest.de.webmanifest'}
export const abouts: Record<Language, string> = {en: 'Find a parking, see what is free, reserve a space.', de: 'Parkhaus finden, sehen, was frei ist, Platz reservieren.'}

/** Tells the device the page's language. What is installed already keeps its name until the device looks again. */
export function tell(language: Language): void {
  document.documentElement.lang = language
  const link = document.querySelector<HTMLLinkElement>('link[rel=manifest]')
  // Setting what is there already would have it fetched again.
  if (link && link.getAttribute('href') !== manifests[language]) link.setAttribute('href', manifests[language])
  document.querySelector('meta[name=description]')?.setAttribute('content', abouts[language])
}
