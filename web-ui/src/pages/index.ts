import type { ComponentType } from 'preact'
import type { IconName } from '../components/Icon.tsx'
import type { Key } from '../i18n/index.ts'
import Ca from './Ca.tsx'
import Dashboard from './Dashboard.tsx'
import Live from './Live.tsx'

export interface Page {
  path: string
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
  { path: '/', key: 'd', title: 'nav.dashboard', icon: 'dashboard', open: false, view: Dashboard },
  { path: '/live', key: 'l', title: 'nav.live', icon: 'live', open: false, view: Live },
  { path: '/ca', key: 'c', title: 'nav.ca', icon: 'certificate', open: true, view: Ca },
]
