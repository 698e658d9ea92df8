import type { ComponentType } from 'preact'
import type { IconName } from '../components/Icon.tsx'
import type { Key } from '../i18n/index.ts'
import { lazy } from '../lib/lazy.tsx'
import Dashboard from './Dashboard.tsx'
import Live from './Live.tsx'

export interface Page {
  path: string
  /** An older or shorter address that leads here too, or ''. */
  alias: string
  /** Second key after `g`. */
  key: string
  title: Key
  icon: IconName
  /** Shown without sign-in, too. */
  open: boolean
  view: ComponentType
}

/** Every page, in the order of the menu. A new page is a file and a line here. */
export const PAGES: readonly Page[] = [
  { path: '/', alias: '', key: 'd', title: 'nav.dashboard', icon: 'dashboard', open: false, view: Dashboard },
  { path: '/live', alias: '', key: 'l', title: 'nav.live', icon: 'live', open: false, view: Live },
  {
    path: '/tls',
    alias: '/ca',
    key: 't',
    title: 'nav.tls',
    icon: 'certificate',
    open: true,
    view: lazy(() => import('./Tls.tsx')),
  },
]

export function pageAt(path: string): Page | undefined {
  return PAGES.find(page => page.path === path || page.alias === path)
}
