import { signal } from '@preact/signals'
import type { Session } from '../../../src/admin/api.ts'
import { ApiFailure, get, post, remove, whenSignedOut } from './api.ts'

/** undefined: not known yet; null: nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined)
/** The gateway could not be asked at all. */
export const unreachable = signal(false)

whenSignedOut(() => {
  session.value = null
})

export async function loadSession(): Promise<void> {
  try {
    session.value = await get<Session>('/session')
    unreachable.value = false
  } catch (error) {
    if (error instanceof ApiFailure && (error.code === 'sign-in' || error.code === 'credentials')) session.value = null
    else unreachable.value = true
  }
}

export async function signIn(user: string, password: string): Promise<void> {
  session.value = await post<Session>('/session', { user, password })
}

export async function signOut(): Promise<void> {
  await remove('/session')
  session.value = null
}
