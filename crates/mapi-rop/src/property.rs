//! Properties ([MS-OXCROPS] 2.2.8).

use mapi::row::{PropertyProblem, PropertyRow, TaggedValue};
use mapi::wire::{Counted, Reader, Wire, WireError, WireWith};
use mapi::{ErrorCode, Guid, PropertyName, PropertyTag};

use crate::handle::LogonId;
use crate::parts::{AnswerBody, Columns, Flagged, SizedValues};

rop_flags! {
    /// [MS-OXCPRPT] 2.2.12.1
    pub struct NameFlags: u8 {
        /// Map the names that are not mapped yet.
        CREATE = 0x02,
    }

    /// [MS-OXCPRPT] 2.2.9.1
    pub struct QueryNamedFlags: u8 {
        NO_STRINGS = 0x01,
        NO_IDS = 0x02,
    }

    /// [MS-OXCPRPT] 2.2.10.1 and 2.2.11.1
    pub struct CopyFlags: u8 {
        MOVE = 0x01,
        NO_OVERWRITE = 0x02,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.8.1.1
    pub struct GetPropertyIdsFromNamesRequest {
        pub flags: NameFlags,
        /// None: all names that are mapped.
        pub names: Counted<u16, PropertyName>,
    }

    /// [MS-OXCROPS] 2.2.8.2.1
    pub struct GetNamesFromPropertyIdsRequest {
        pub ids: Counted<u16, u16>,
    }

    /// [MS-OXCROPS] 2.2.8.2.2: no name for an id that nothing is mapped to.
    pub struct GetNamesFromPropertyIdsResponse {
        pub names: Counted<u16, Option<PropertyName>>,
    }

    /// [MS-OXCROPS] 2.2.8.3.1
    pub struct GetPropertiesSpecificRequest {
        /// The largest value in bytes that is answered; 0 is no limit but the buffer's.
        pub size_limit: u16,
        /// Not zero: strings of unspecified type in Unicode.
        pub want_unicode: u16,
        pub tags: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.8.4.1
    pub struct GetPropertiesAllRequest {
        /// The largest value in bytes that is answered; 0 is no limit but the buffer's.
        pub size_limit: u16,
        /// Not zero: strings in Unicode.
        pub want_unicode: u16,
    }

    /// [MS-OXCROPS] 2.2.8.4.2. A value that is too large has the type PtypErrorCode in its tag.
    pub struct GetPropertiesAllResponse {
        pub values: Counted<u16, TaggedValue>,
    }

    /// RopSetProperties ([MS-OXCROPS] 2.2.8.6.1) and RopSetPropertiesNoReplicate (2.2.8.7.1)
    pub struct SetPropertiesRequest {
        pub values: SizedValues,
    }

    /// The answer of ROPs that do what they can and tell what they could not.
    pub struct PropertyProblemsResponse {
        pub problems: Counted<u16, PropertyProblem>,
    }

    /// RopDeleteProperties ([MS-OXCROPS] 2.2.8.8.1) and RopDeletePropertiesNoReplicate (2.2.8.9.1)
    pub struct DeletePropertiesRequest {
        pub tags: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.8.10.1
    pub struct QueryNamedPropertiesRequest {
        pub flags: QueryNamedFlags,
        /// Names of this property set only.
        pub set: Flagged<Guid>,
    }

    /// [MS-OXCROPS] 2.2.8.11.1
    pub struct CopyPropertiesRequest {
        pub want_asynchronous: bool,
        pub flags: CopyFlags,
        pub tags: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.8.12.1
    pub struct CopyToRequest {
        pub want_asynchronous: bool,
        pub want_sub_objects: bool,
        pub flags: CopyFlags,
        pub excluded: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.8.13.1
    pub struct ProgressRequest {
        pub want_cancel: bool,
    }

    /// [MS-OXCROPS] 2.2.8.13.2. It also answers a ROP that the server goes on with by itself.
    pub struct ProgressResponse {
        pub logon: LogonId,
        pub completed: u32,
        pub total: u32,
    }
}

/// [MS-OXCROPS] 2.2.8.1.2
#[derive(Debug, Clone, PartialEq)]
pub struct GetPropertyIdsFromNamesResponse {
    /// 0 for a name that nothing is mapped to.
    pub ids: Vec<u16>,
    /// Some names have no id: the ReturnValue is the warning ErrorsReturned.
    pub errors_returned: bool,
}

/// [MS-OXCROPS] 2.2.8.3.2: a row of the request's tags.
#[derive(Debug, Clone, PartialEq)]
pub struct GetPropertiesSpecificResponse {
    pub columns: Columns,
    pub row: PropertyRow,
}

impl AnswerBody for GetPropertiesSpecificResponse {
    fn read_body(r: &mut Reader<'_>, _: ErrorCode, columns: &Columns) -> Result<Self, WireError> {
        let row = PropertyRow::read_with(r, columns)?;
        Ok(GetPropertiesSpecificResponse { columns: columns.clone(), row })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        self.row.write_with(w, &self.columns);
    }
}

/// [MS-OXCROPS] 2.2.8.10.2: ids with their names.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryNamedPropertiesResponse {
    pub properties: Vec<(u16, PropertyName)>,
    /// Not all could be told: the ReturnValue is the warning ErrorsReturned.
    pub errors_returned: bool,
}

/// The warning ErrorsReturned ([MS-OXCDATA] 2.4.3).
pub const ERRORS_RETURNED: ErrorCode = ErrorCode(0x0004_0380);

fn warning(errors_returned: bool) -> ErrorCode {
    if errors_returned { ERRORS_RETURNED } else { ErrorCode(0) }
}

impl AnswerBody for GetPropertyIdsFromNamesResponse {
    fn return_value(&self) -> ErrorCode {
        warning(self.errors_returned)
    }
    fn read_body(r: &mut Reader<'_>, code: ErrorCode, _: &Columns) -> Result<Self, WireError> {
        Ok(GetPropertyIdsFromNamesResponse {
            ids: Counted::<u16, u16>::read(r)?.items,
            errors_returned: code == ERRORS_RETURNED,
        })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        let count = u16::try_from(self.ids.len()).unwrap_or(u16::MAX);
        count.write(w);
        self.ids.iter().take(usize::from(count)).for_each(|id| id.write(w));
    }
}

/// All ids, then all names.
impl AnswerBody for QueryNamedPropertiesResponse {
    fn return_value(&self) -> ErrorCode {
        warning(self.errors_returned)
    }
    fn read_body(r: &mut Reader<'_>, code: ErrorCode, _: &Columns) -> Result<Self, WireError> {
        let ids = Counted::<u16, u16>::read(r)?.items;
        let names = mapi::wire::read_items::<PropertyName>(r, ids.len())?;
        Ok(QueryNamedPropertiesResponse {
            properties: ids.into_iter().zip(names).collect(),
            errors_returned: code == ERRORS_RETURNED,
        })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        let count = u16::try_from(self.properties.len()).unwrap_or(u16::MAX);
        let properties = &self.properties[..usize::from(count)];
        count.write(w);
        properties.iter().for_each(|(id, _)| id.write(w));
        properties.iter().for_each(|(_, name)| name.write(w));
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source, row_of};

    impl Sample for GetPropertyIdsFromNamesResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            GetPropertyIdsFromNamesResponse {
                ids: source.some(u16::sample),
                errors_returned: Sample::sample(source),
            }
        }
    }

    impl Sample for GetPropertiesSpecificResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = Columns::sample(source);
            GetPropertiesSpecificResponse { row: row_of(source, &columns), columns }
        }
    }

    impl Sample for QueryNamedPropertiesResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            QueryNamedPropertiesResponse {
                properties: source.some(|s| (Sample::sample(s), Sample::sample(s))),
                errors_returned: Sample::sample(source),
            }
        }
    }
}
