use crate::{Context, Error, Output, Reader, Writer};

/// A state machine. Its methods must depend on nothing but the machine, their arguments and the
/// [`Context`].
pub trait Machine {
    /// Numbers the versions of the machine, from 1 upwards; 0 is without a number. An upgrade tells
    /// the `restore` of the next version which one wrote the state.
    const VERSION: u32 = 0;

    /// Executes one command and writes its result. `command` is valid during the call only. An
    /// error becomes the command's status and text, and takes the place of what was written;
    /// changes made before it stay.
    fn apply(&mut self, ctx: &Context, command: &[u8], out: &mut Output) -> Result<(), Error>;

    /// Answers without changing the machine; the rest is as in `apply`.
    fn query(&self, ctx: &Context, query: &[u8], out: &mut Output) -> Result<(), Error>;

    /// Writes the whole state, equal states as equal bytes: order what comes from a hash map.
    fn snapshot(&self, w: &mut Writer) -> Result<(), Error>;

    /// Replaces the whole state by one that `snapshot` wrote. `from_version` is the
    /// [`Machine::VERSION`] of the machine that wrote it; a rollback hands an older module the state
    /// of a newer one. After an error the machine keeps its former state, whatever `restore` had
    /// already changed.
    fn restore(&mut self, r: &mut Reader, from_version: u32) -> Result<(), Error>;
}

/// Makes a type the module's machine, and the exports that the host calls. Use it once, at the top
/// level. The machine starts as `Default::default()`, or as the value given:
///
/// ```ignore
/// wraft::machine!(Counter);
/// wraft::machine!(Counter, Counter::starting_at(7));
/// ```
///
/// In a native build it only checks the types.
#[macro_export]
macro_rules! machine {
    ($machine:ty) => {
        $crate::machine!($machine, <$machine as ::core::default::Default>::default());
    };
    ($machine:ty, $new:expr) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $machine = || {
            fn is_machine<M: $crate::Machine>(machine: M) -> M {
                machine
            }
            is_machine($new)
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            static MODULE: $crate::guest::Module<$machine> = $crate::guest::Module::new();

            #[no_mangle]
            extern "C" fn _initialize() {
                $crate::guest::speak_when_panicking();
                MODULE.start($new);
            }
            #[no_mangle]
            extern "C" fn wraft_abi_v1() {}
            #[no_mangle]
            extern "C" fn wraft_version() -> u32 {
                <$machine as $crate::Machine>::VERSION
            }
            #[no_mangle]
            extern "C" fn wraft_alloc(n: u32) -> *mut u8 {
                MODULE.alloc(n)
            }
            #[no_mangle]
            extern "C" fn wraft_apply(_: *const u8, n: u32) -> u64 {
                MODULE.apply(n)
            }
            #[no_mangle]
            extern "C" fn wraft_query(_: *const u8, n: u32) -> u64 {
                MODULE.query(n)
            }
            #[no_mangle]
            extern "C" fn wraft_snapshot() -> i32 {
                MODULE.snapshot()
            }
            #[no_mangle]
            extern "C" fn wraft_restore(from_version: u32) -> i32 {
                MODULE.restore(from_version)
            }
        };
    };
}
