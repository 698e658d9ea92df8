import fs from 'node:fs'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import type { Lab } from '../../lab/lab.ts'
import { ARGS } from './browser.ts'

/** A browser on the lab's client: everything it does passes the gateway. */
export function launchOnClient(lab: Lab): Promise<Browser> {
  const wrapper = path.join(lab.dir, 'chromium')
  fs.writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${lab.namespace('client')} /usr/bin/chromium "$@"\n`, {
    mode: 0o755,
  })
  // Where `ip netns exec` finds what it lays over /etc: must be there before the browser starts
  fs.mkdirSync(policyDir(lab), { recursive: true })
  return chromium.launch({ executablePath: wrapper, args: ARGS })
}

/** Installs a CA for browsers of the client, as device management does; one that runs learns of it within seconds. */
export function installCa(lab: Lab, pem: string): void {
  fs.mkdirSync(policyDir(lab), { recursive: true })
  const der = pem.replace(/-----[A-Z ]+-----|\s/g, '')
  fs.writeFileSync(path.join(policyDir(lab), 'ca.json'), JSON.stringify({ CACertificates: [der] }))
}

function policyDir(lab: Lab): string {
  return `/etc/netns/${lab.namespace('client')}/chromium/policies/managed`
}
