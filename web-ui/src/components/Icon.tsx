/** 16-pixel line icons, drawn here so that no font or picture has to be fetched. Always beside or under words. */
const PATHS = {
  dashboard: 'M2 9.5h4V14H2zM10 6h4v8h-4zM6 2h4v12H6z',
  live: 'M1.5 8h3l2-5 3 10 2-5h3',
  certificate: 'M8 1.8 13 3.6v4c0 3.2-2.1 5.5-5 6.6-2.9-1.1-5-3.4-5-6.6v-4zM5.8 7.8l1.6 1.6 2.9-3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.4 10.4 14 14',
  pause: 'M5 3v10M11 3v10',
  play: 'M4.5 2.8v10.4L13 8z',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  up: 'M8 13V3.5M3.8 7.5 8 3.3l4.2 4.2',
  down: 'M8 3v9.5M3.8 8.5 8 12.7l4.2-4.2',
  auto: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 2v12M10.5 4v8M9.3 2.8v10.4M11.8 5.5v5',
  light: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  dark: 'M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3',
  keys: 'M1.5 4h13v8h-13zM4 6.5h.01M6.5 6.5h.01M9 6.5h.01M11.5 6.5h.01M4.5 9.5h7',
  signOut: 'M6.5 2.5H3v11h3.5M7 8h7M11 4.8 14.2 8 11 11.2',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  warning: 'M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.5v.1',
  download: 'M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11',
  arrow: 'M3 8h10M9.3 4.3 13 8l-3.7 3.7',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.8V8l2.3 1.6',
  server: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
