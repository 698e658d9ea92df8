import { signal } from '@preact/signals'

interface Place {
  path: string
  params: URLSearchParams
}

function read(): Place {
  return { path: location.pathname, params: new URLSearchParams(location.search) }
}

/** Where we are; the address bar is the only state of a filter, so reload, back and a copied link keep it. */
export const place = signal<Place>(read())

addEventListener('popstate', () => {
  place.value = read()
})

export function href(path: string, params: Record<string, string> = {}): string {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== '')).toString()
  return query === '' ? path : `${path}?${query}`
}

/** A new place in the history, or (`replace`) the same place told better, as while typing a filter. */
export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  place.value = read()
}

/** Lets ordinary links work without a page load; modified clicks stay the browser's. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return
  const link = (event.target as Element).closest?.('a')
  if (link?.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return
  if (link.pathname.startsWith('/api/')) return
  event.preventDefault()
  go(link.pathname + link.search)
}
