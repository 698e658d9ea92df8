import { useId } from 'preact/hooks'

interface Props {
  label: string
  type?: 'text' | 'password'
  autocomplete: 'username' | 'current-password' | 'new-password' | 'off'
  value: string
  onValue: (value: string) => void
  minLength?: number
  focused?: boolean
}

export function Field({ label, type = 'text', autocomplete, value, onValue, minLength = 0, focused = false }: Props) {
  const id = useId()
  const shared = {
    id,
    autocomplete,
    value,
    minLength,
    required: true,
    spellcheck: false,
    autoCapitalize: 'none',
    autoFocus: focused,
    onInput: (event: { currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value),
  } as const
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {type === 'password' ? <input type="password" {...shared} /> : <input type="text" {...shared} />}
    </div>
  )
}
