use super::directory::Directory;
use super::*;
