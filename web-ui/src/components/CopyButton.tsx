import { useState } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { Button } from './Button.tsx'

/** The clipboard API needs a secure page; over plain HTTP from another machine the old way still works. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false)
  const copy = async (): Promise<void> => {
    await copyText(text)
    setDone(true)
    setTimeout(() => setDone(false), 2000)
  }
  return (
    <Button icon={done ? 'check' : 'copy'} onClick={() => void copy()} aria-live="polite">
      {done ? t('app.copied') : label}
    </Button>
  )
}
