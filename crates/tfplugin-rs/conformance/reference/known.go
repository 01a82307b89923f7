package main

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// known is a resource with an identity, which says what its state says.
type known struct {
	scripted
	// mutable identities may change in the life of a resource.
	mutable bool
}

func knownSchema() schema.Schema {
	return base(map[string]schema.Attribute{
		"name":   schema.StringAttribute{Required: true},
		"region": schema.StringAttribute{Optional: true},
		"number": schema.NumberAttribute{Optional: true},
		"tags":   schema.ListAttribute{Optional: true, ElementType: types.StringType},
	})
}

// identifies makes a known resource.
func identifies(name string, mutable bool) func() resource.Resource {
	return func() resource.Resource { return known{scripted{memory{name, knownSchema}}, mutable} }
}

func (k known) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	k.scripted.Metadata(ctx, req, resp)
	resp.ResourceBehavior.MutableIdentity = k.mutable
}

func (known) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Version: 1,
		Attributes: map[string]identityschema.Attribute{
			"name":   identityschema.StringAttribute{RequiredForImport: true},
			"region": identityschema.StringAttribute{OptionalForImport: true},
			"number": identityschema.NumberAttribute{OptionalForImport: true},
			"tags":   identityschema.ListAttribute{OptionalForImport: true, ElementType: types.StringType},
		},
	}
}

// identify tells the identity of a resource in this state, or what the script says.
func identify(ctx context.Context, state tftypes.Value, identity *tfsdk.ResourceIdentity) {
	var object map[string]tftypes.Value
	if state.IsNull() || state.As(&object) != nil {
		return
	}
	ty := identity.Schema.Type().TerraformType(ctx).(tftypes.Object)
	values := map[string]tftypes.Value{}
	for name, attribute := range ty.AttributeTypes {
		values[name] = object[name]
		if scriptOf(state) == "identity_none" {
			values[name] = tftypes.NewValue(attribute, nil)
		}
	}
	if scriptOf(state) == "identity_other" {
		values["name"] = tftypes.NewValue(tftypes.String, "other")
	}
	identity.Raw = tftypes.NewValue(ty, values)
}

func (k known) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	k.scripted.Create(ctx, req, resp)
	identify(ctx, resp.State.Raw, resp.Identity)
}

func (k known) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	k.scripted.Update(ctx, req, resp)
	if !resp.Diagnostics.HasError() || scriptOf(req.Plan.Raw) == "apply_save_error" {
		identify(ctx, resp.State.Raw, resp.Identity)
	}
}

func (k known) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	k.scripted.Read(ctx, req, resp)
	if !resp.Diagnostics.HasError() && resp.Deferred == nil {
		identify(ctx, resp.State.Raw, resp.Identity)
	}
}

func (known) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var sought map[string]tftypes.Value
	if req.ID == "" && !req.Identity.Raw.IsNull() {
		_ = req.Identity.Raw.As(&sought)
	} else {
		sought = map[string]tftypes.Value{"name": tftypes.NewValue(tftypes.String, req.ID)}
	}
	name := textOf(req.Identity.Raw, "name")
	if req.ID != "" {
		name = req.ID
	}
	if !importScript(ctx, name, req.ClientCapabilities.DeferralAllowed, resp) {
		return
	}
	var object map[string]tftypes.Value
	ty := resp.State.Schema.Type().TerraformType(ctx)
	object = map[string]tftypes.Value{}
	for attribute, of := range ty.(tftypes.Object).AttributeTypes {
		object[attribute] = tftypes.NewValue(of, nil)
		if value, ok := sought[attribute]; ok {
			object[attribute] = value
		}
	}
	resp.State.Raw = tftypes.NewValue(ty, object)
	identify(ctx, resp.State.Raw, resp.Identity)
}

func (known) UpgradeIdentity(context.Context) map[int64]resource.IdentityUpgrader {
	return map[int64]resource.IdentityUpgrader{0: {IdentityUpgrader: fromID}}
}

// first is an identity of version 0.
type first struct {
	ID *string `json:"id"`
}

func fromID(ctx context.Context, req resource.UpgradeIdentityRequest, resp *resource.UpgradeIdentityResponse) {
	var before first
	if err := json.Unmarshal(req.RawIdentity.JSON, &before); err != nil {
		resp.Diagnostics.AddError("Older identity cannot be read", err.Error())
		return
	}
	if before.ID != nil && *before.ID == "upgrade_error" {
		resp.Diagnostics.AddError("Refused", "As the id says.")
		return
	}
	ty := resp.Identity.Schema.Type().TerraformType(ctx)
	resp.Identity.Raw = tftypes.NewValue(ty, nil)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("name"), before.ID)...)
}

func (known) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		if req.SourceTypeName != "other_thing" {
			return
		}
		var state older
		var identity first
		resp.Diagnostics.Append(unmarshalled(req.SourceRawState.JSON, &state)...)
		if req.SourceIdentity != nil {
			resp.Diagnostics.Append(unmarshalled(req.SourceIdentity.JSON, &identity)...)
		}
		if resp.Diagnostics.HasError() {
			return
		}
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), state.Title)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("region"), identity.ID)...)
		identify(ctx, resp.TargetState.Raw, resp.TargetIdentity)
	}}}
}

func unmarshalled(text []byte, target any) (diagnostics diag.Diagnostics) {
	if err := json.Unmarshal(text, target); err != nil {
		diagnostics.AddError("What was moved cannot be read", err.Error())
	}
	return diagnostics
}
