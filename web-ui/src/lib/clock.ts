import { signal } from '@preact/signals'

/** Milliseconds since the epoch, moved each second: for ages, so that they grow on the page. */
export const now = signal(Date.now())

setInterval(() => {
  if (!document.hidden) now.value = Date.now()
}, 1000)
